# Figure "outcomes", made by kvt-render 0.1.0: a gnuplot program with its data inside.
# Variables: format (png, svg or pdf), output_file (empty: standard output):
#     gnuplot -e "format='svg'; output_file='outcomes.svg'" THIS_FILE
if (!exists('format')) format = 'png'
if (!exists('output_file')) output_file = ''
set encoding utf8
if (format eq 'png') { set terminal pngcairo noenhanced size 2160,854 font 'DejaVu Sans,11' fontscale 2 linewidth 2 pointscale 2 background 'white' }
if (format eq 'svg') { set terminal svg noenhanced size 1080,427 font 'DejaVu Sans,11' background 'white' }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 11.25in,4.45in font 'DejaVu Sans,11' }
if (strlen(output_file)) { set output output_file }
set datafile missing 'NaN'
set style fill solid 1.0 noborder
set label 1 'What became of the requests' at screen 0.0111,screen 0.9485 left noenhanced font 'DejaVu Sans,14'
set label 2 'recall · snapkv, compressed after the question · task recall · n = 8 per bin and budget' at screen 0.0111,screen 0.8946 left noenhanced font 'DejaVu Sans,9.5' textcolor rgb '#555555'
set label 3 'Numbers are percentages of the requests in the bin.' at screen 0.0111,screen 0.0258 left noenhanced font 'DejaVu Sans,8.5' textcolor rgb '#555555'
$outcomes_0_0 << EOD
1 0 1 100
2 0 0.875 88
3 0 1 100
4 0 1 100
5 0 1 100
EOD
$outcomes_0_2 << EOD
2 0.875 1 12
EOD
$outcomes_1_0 << EOD
1 0 0.875 88
2 0 0.75 75
3 0 0.75 75
4 0 0.75 75
5 0 0.75 75
EOD
$outcomes_1_2 << EOD
1 0.875 1 12
2 0.75 1 25
3 0.75 0.875 12
4 0.75 1 25
5 0.75 1 25
EOD
$outcomes_1_5 << EOD
3 0.875 1 12
EOD
$outcomes_2_0 << EOD
1 0 0.875 88
2 0 0.75 75
3 0 0.625 62
4 0 0.75 75
5 0 0.75 75
EOD
$outcomes_2_2 << EOD
1 0.875 1 12
2 0.75 1 25
3 0.625 0.875 25
4 0.75 1 25
5 0.75 1 25
EOD
$outcomes_2_4 << EOD
3 0.875 1 12
EOD
set lmargin at screen 0.0037
set rmargin at screen 0.9963
set tmargin at screen 0.9906
set bmargin at screen 0.0094
set multiplot
unset border
unset tics
unset grid
set key at screen 0.0074,screen 0.8642 left top horizontal maxcols 6 Left reverse noenhanced samplen 2 width 1 font 'DejaVu Sans,10'
plot [0:1] [0:1] -1 notitle, \
  keyentry with boxes fillstyle solid 1 noborder lc rgb '#009E73' title 'correct' noenhanced, \
  keyentry with boxes fillstyle solid 1 noborder lc rgb '#D55E00' title 'wrong' noenhanced, \
  keyentry with boxes fillstyle solid 1 noborder lc rgb '#F0E442' title 'malformed' noenhanced, \
  keyentry with boxes fillstyle solid 1 noborder lc rgb '#CC79A7' title 'over length' noenhanced
unset key
unset label 1
unset label 2
unset label 3
set border 3 lc rgb '#444444' lw 0.8
set xtics nomirror out scale 0.6 textcolor rgb '#222222'
set ytics nomirror out scale 0.6 textcolor rgb '#222222'
set grid ytics lt 1 lc rgb '#E3E3E3' lw 0.7
set yrange [0:1.12]
set ytics nomirror 0,0.2,1
set border 2
unset grid
set lmargin at screen 0.0667
set rmargin at screen 0.3611
set tmargin at screen 0.7400
set bmargin at screen 0.1593
set format y '%g'
set xrange [0.4:5.6]
set xtics nomirror norotate noenhanced scale 0 ('237' 1, '477' 2, '955' 3, '1,897' 4, '3,796' 5)
set xlabel 'context length (tokens)' noenhanced offset 0,0.3 font 'DejaVu Sans,10'
set ylabel 'share of the requests' noenhanced
unset arrow
unset label 5
set label 4 'full cache' at graph 0.5,graph 1.06 center noenhanced font 'DejaVu Sans,12'
plot -1 notitle, \
  $outcomes_0_0 using 1:2:($1-0.4):($1+0.4):2:3 with boxxyerror fc rgb '#009E73' fillstyle solid 1 noborder, \
  $outcomes_0_0 using 1:(($2+$3)/2):4 with labels noenhanced font 'DejaVu Sans,9' tc rgb '#FFFFFF', \
  $outcomes_0_2 using 1:2:($1-0.4):($1+0.4):2:3 with boxxyerror fc rgb '#D55E00' fillstyle solid 1 noborder, \
  $outcomes_0_2 using 1:(($2+$3)/2):4 with labels noenhanced font 'DejaVu Sans,9' tc rgb '#FFFFFF'
set lmargin at screen 0.3778
set rmargin at screen 0.6722
set tmargin at screen 0.7400
set bmargin at screen 0.1593
set format y ''
set xrange [0.4:5.6]
set xtics nomirror norotate noenhanced scale 0 ('237' 1, '477' 2, '955' 3, '1,897' 4, '3,796' 5)
set xlabel 'context length (tokens)' noenhanced offset 0,0.3 font 'DejaVu Sans,10'
set ylabel '' noenhanced
unset arrow
unset label 5
set label 4 'budget 0.5' at graph 0.5,graph 1.06 center noenhanced font 'DejaVu Sans,12'
plot -1 notitle, \
  $outcomes_1_0 using 1:2:($1-0.4):($1+0.4):2:3 with boxxyerror fc rgb '#009E73' fillstyle solid 1 noborder, \
  $outcomes_1_0 using 1:(($2+$3)/2):4 with labels noenhanced font 'DejaVu Sans,9' tc rgb '#FFFFFF', \
  $outcomes_1_2 using 1:2:($1-0.4):($1+0.4):2:3 with boxxyerror fc rgb '#D55E00' fillstyle solid 1 noborder, \
  $outcomes_1_2 using 1:(($2+$3)/2):4 with labels noenhanced font 'DejaVu Sans,9' tc rgb '#FFFFFF', \
  $outcomes_1_5 using 1:2:($1-0.4):($1+0.4):2:3 with boxxyerror fc rgb '#CC79A7' fillstyle solid 1 noborder, \
  $outcomes_1_5 using 1:(($2+$3)/2):4 with labels noenhanced font 'DejaVu Sans,9' tc rgb '#000000'
set lmargin at screen 0.6889
set rmargin at screen 0.9833
set tmargin at screen 0.7400
set bmargin at screen 0.1593
set format y ''
set xrange [0.4:5.6]
set xtics nomirror norotate noenhanced scale 0 ('237' 1, '477' 2, '955' 3, '1,897' 4, '3,796' 5)
set xlabel 'context length (tokens)' noenhanced offset 0,0.3 font 'DejaVu Sans,10'
set ylabel '' noenhanced
unset arrow
unset label 5
set label 4 'budget 0.2' at graph 0.5,graph 1.06 center noenhanced font 'DejaVu Sans,12'
plot -1 notitle, \
  $outcomes_2_0 using 1:2:($1-0.4):($1+0.4):2:3 with boxxyerror fc rgb '#009E73' fillstyle solid 1 noborder, \
  $outcomes_2_0 using 1:(($2+$3)/2):4 with labels noenhanced font 'DejaVu Sans,9' tc rgb '#FFFFFF', \
  $outcomes_2_2 using 1:2:($1-0.4):($1+0.4):2:3 with boxxyerror fc rgb '#D55E00' fillstyle solid 1 noborder, \
  $outcomes_2_2 using 1:(($2+$3)/2):4 with labels noenhanced font 'DejaVu Sans,9' tc rgb '#FFFFFF', \
  $outcomes_2_4 using 1:2:($1-0.4):($1+0.4):2:3 with boxxyerror fc rgb '#F0E442' fillstyle solid 1 noborder, \
  $outcomes_2_4 using 1:(($2+$3)/2):4 with labels noenhanced font 'DejaVu Sans,9' tc rgb '#000000'
unset multiplot
